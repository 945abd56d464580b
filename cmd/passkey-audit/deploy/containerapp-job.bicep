// Azure Container Apps: one tenant, scanned on the first day of every month by a
// managed identity, reports uploaded to Azure Blob Storage.
//
//   az deployment group create --resource-group RG --template-file containerapp-job.bicep \
//     --parameters environmentId=... identityId=... identityClientId=... tenant=contoso.com \
//       image=contoso.azurecr.io/passkey-audit:v1.0.0 uploadUrl=https://contosoreports.blob.core.windows.net/passkey-audit
//   az containerapp job start --resource-group RG --name passkey-audit
//
// The identity needs the Microsoft Graph permissions that "passkey-audit
// permissions" lists, and the role Storage Blob Data Contributor on the container
// that reports go to. For a private registry add properties.configuration.registries.
//
// A replica's disk ends with it, so the report is uploaded, and appears there under
// its name when it is whole. An Azure Files share is no place for a scan: a snapshot
// is a SQLite file, which shares do not lock well.

@description('Resource ID of the Container Apps environment.')
param environmentId string

@description('Resource ID of the user-assigned managed identity.')
param identityId string

@description('Client ID of that identity.')
param identityClientId string

@description('The tenant, by ID or domain. A managed identity reads its own tenant alone.')
param tenant string

@description('The container image.')
param image string

@description('Blob container, or a folder in it, that receives the report.')
param uploadUrl string

@description('When, in UTC: minute, hour, day of the month, month, day of the week.')
param schedule string = '0 6 1 * *'

param location string = resourceGroup().location

resource job 'Microsoft.App/jobs@2025-01-01' = {
  name: 'passkey-audit'
  location: location
  identity: {
    type: 'UserAssigned'
    userAssignedIdentities: {
      '${identityId}': {}
    }
  }
  properties: {
    environmentId: environmentId
    configuration: {
      triggerType: 'Schedule'
      scheduleTriggerConfig: {
        cronExpression: schedule
        parallelism: 1
        replicaCompletionCount: 1
      }
      // One day, in seconds.
      replicaTimeout: 86400
      // An exit status other than 0 is for somebody to look at; Container Apps
      // cannot tell one from the other.
      replicaRetryLimit: 0
    }
    template: {
      containers: [
        {
          name: 'scan'
          image: image
          args: [
            'scan'
            '--auth=managed-identity'
            '--client-id=${identityClientId}'
            '--tenant=${tenant}'
            '--upload=${uploadUrl}'
            '--log-format=json'
            '--no-progress'
          ]
          env: [
            {
              name: 'GOMEMLIMIT'
              value: '900MiB'
            }
          ]
          resources: {
            cpu: json('0.5')
            memory: '1Gi'
          }
          volumeMounts: [
            {
              volumeName: 'data'
              mountPath: '/data'
            }
          ]
        }
      ]
      volumes: [
        {
          name: 'data'
          storageType: 'EmptyDir'
        }
      ]
    }
  }
}
